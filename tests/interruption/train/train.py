"""Teaches the network of the overlap detector, and says how well it does on what it was not taught.

    python3 train.py LESSONS check      leave out voices and texts, kinds of throats and noises with them
    python3 train.py LESSONS write      learn from everything, write media/src/overlap/weights.bin

Needs Debian's python3-torch and python3-numpy. LESSONS is the folder that `overlap_lessons` has written, or several with
commas between them.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
import torch

import texts

torch.set_num_threads(1)
torch.manual_seed(1)

LESSONS = Path(sys.argv[1])
WEIGHTS = Path(__file__).parents[3] / "media/src/overlap/weights.bin"
INPUTS, MEMORY, PART = 26, 32, 512
# Frames that are learnt from: an echo may come before the sound.
LONGEST = 48
KINDS = {"Interruption": 0, "OverEcho": 0, "Remark": 1, "Throat": 2, "Noise": 2, "Music": 2}
# How much each class weighs, all of it together.
SHARES = {"Interruption": 1.0, "OverEcho": 0.5, "Remark": 1.4, "Throat": 1.5, "Noise": 0.4, "Music": 0.25}
EPOCHS = 12
# As in judge.rs.
LAST, CLEAR_TALK, LATER = 92, [3.0, 2.5, 2.0], 3.0


class Lessons:
    def __init__(self):
        self.x, self.meta = [], []
        for folder in str(LESSONS).split(","):
            self.read(Path(folder))
        self.kind = np.array([KINDS[m[1]] for m in self.meta])
        self.count = np.array([len(x) for x in self.x])
        self.padded = np.zeros((len(self.x), LONGEST, INPUTS), dtype=np.float32)
        for slot, x in zip(self.padded, self.x):
            slot[: len(x)] = x
        self.weight = self.weights()

    def read(self, folder):
        rows = np.fromfile(folder / "told.f32", dtype="<f4").reshape(-1, INPUTS)
        at = 0
        for line in open(folder / "index.tsv"):
            trial, kind, text, voice, stretch, first, last, count = line.rstrip("\n").split("\t")
            trial, stretch, first, last, count = int(trial), int(stretch), int(first), int(last), int(count)
            mine = rows[at : at + count]
            at += count
            later = mine[0, 25] > 0
            speech = kind in ("Interruption", "OverEcho", "Remark")
            # A sound that began long before is somebody else's; one that began long after is the end of it.
            if speech and not later and not -3_600 <= first <= 2_400:
                continue
            if speech and later and not (2_400 <= first and last <= 10_400):
                continue
            # There is more of later stretches than is needed.
            if later and zlib.crc32(line.encode()) % 4:
                continue
            self.x.append(mine[:LONGEST])
            self.meta.append((f"{folder} {trial}", kind, text, voice, later, first))

    def weights(self):
        """What each frame counts: nothing in the beginning, most when the verdict falls."""
        frame = np.arange(LONGEST)[None, :]
        blocks = self.padded[:, :, 23] * 100
        later = np.array([m[4] for m in self.meta])[:, None]
        of_first = np.clip((blocks - 40) / 50, 0, 1) + 1.5 * (blocks >= 84)
        of_later = 0.4 * np.clip((frame - 10) / 15, 0, 1) * np.ones_like(blocks)
        weight = np.where(later, of_later, of_first) * (frame < self.count[:, None])
        of_kind = np.array([m[1] for m in self.meta])
        for kind, share in SHARES.items():
            chosen = of_kind == kind
            if chosen.any():
                weight[chosen] *= share * 1e5 / max(weight[chosen].sum(), 1e-9)
        return weight.astype(np.float32)


class Ear(torch.nn.Module):
    def __init__(self, mean, scale):
        super().__init__()
        self.mean, self.scale = torch.tensor(mean), torch.tensor(scale)
        self.memory = torch.nn.GRU(INPUTS, MEMORY, batch_first=True)
        self.output = torch.nn.Linear(MEMORY, 3)

    def forward(self, x, drop=0.0):
        heard, _ = self.memory((x - self.mean) / self.scale)
        return self.output(torch.nn.functional.dropout(heard, drop, self.training))


def learn(lessons, chosen, epochs=EPOCHS, seed=0):
    torch.manual_seed(seed)
    x, kind, weight = (torch.tensor(a[chosen]) for a in (lessons.padded, lessons.kind, lessons.weight))
    length = torch.tensor(lessons.count[chosen])
    there = lessons.padded[chosen][weight.numpy() > 0]
    ear = Ear(there.mean(axis=0), np.maximum(there.std(axis=0), 0.15))
    optimiser = torch.optim.AdamW(ear.parameters(), lr=4e-3, weight_decay=2e-3)
    batch = 256
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps + 1, pct_start=0.15)
    weight = weight / weight.sum() * len(x)
    for epoch in range(epochs):
        ear.train()
        total = 0.0
        # Sounds of about the same length together.
        order = torch.argsort(length + 3 * torch.rand(len(x)))
        for begin in (torch.randperm(len(x) // batch) * batch).tolist():
            some = order[begin : begin + batch]
            longest = int(length[some].max())
            noisy = x[some, :longest] + 0.06 * torch.randn(batch, longest, INPUTS)
            said = ear(noisy, 0.15)
            loss = torch.nn.functional.cross_entropy(said.transpose(1, 2), kind[some, None].expand(-1, longest),
                                                     reduction="none", label_smoothing=0.01)
            loss = (loss * weight[some, :longest]).sum() / batch
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(ear.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        if epoch % 5 == 4:
            print(f"  epoch {epoch + 1}: {total / (len(x) // batch):.4f}", flush=True)
    return ear.eval()


def odds(ear, lessons, chosen):
    """Logarithm of the odds of talk after every frame."""
    with torch.no_grad():
        said = torch.cat([ear(torch.tensor(part)) for part in np.array_split(lessons.padded[chosen], 20) if len(part)])
    return (said[..., 0] - torch.logsumexp(said[..., 1:], -1)).numpy()


def verdicts(lessons, chosen, scores, talk):
    """For every trial: its class, and whether and when (ms after the first voice) somebody had the word."""
    trials = {}
    for n, score in zip(np.nonzero(chosen)[0], scores):
        trial, kind, text, voice, later, first = lessons.meta[n]
        found = trials.setdefault((trial, kind), [])
        blocks = np.round(lessons.padded[n, : lessons.count[n], 23] * 100)
        for frame in range(lessons.count[n]):
            at = first // 8 + 20 * (frame + 1)
            if later:
                if frame == 24 and score[frame] >= LATER:
                    found.append(at)
                continue
            step = int((blocks[frame] - (LAST - 12)) // 4)
            least = talk if blocks[frame] >= LAST else CLEAR_TALK[step] if 0 <= step < 3 else np.inf
            if score[frame] >= least:
                found.append(at)
                break
            if blocks[frame] >= LAST:
                break
    return trials


def report(lessons, chosen, scores):
    everything = {}
    for n in np.nonzero(chosen)[0]:
        everything.setdefault((lessons.meta[n][0], lessons.meta[n][1]), []).append(lessons.meta[n][5])
    for talk in (-2.0, -1.6, -1.2, -0.8, -0.4, 0.0):
        trials = verdicts(lessons, chosen, scores, talk)
        line, wrong = [], {}
        for kind in KINDS:
            mine = [found for (_, of), found in trials.items() if of == kind]
            if not mine:
                continue
            if KINDS[kind] == 0:
                line.append(f"{kind} {np.mean([bool(f) and min(f) <= 480 for f in mine]):.3f} of {len(mine)}")
            else:
                wrong[kind] = np.mean([bool(f) for f in mine])
                line.append(f"{kind} {wrong[kind]:.3f} of {len(mine)}")
        false = 216 * wrong.get("Remark", 0) + 216 * wrong.get("Throat", 0) + 108 * wrong.get("Noise", 0) * 0.5 + 2
        print(f"  talk from {talk:4.1f}: {', '.join(line)}; precision about {375 / (375 + false):.3f}", flush=True)


def is_of(lessons, files):
    """What stands in these files of the corpus: voices, texts, throats and noises."""
    said = {texts.plain(t) for field in ("interruptions", "remarks") for t in texts.of_corpus(field, files)}
    variants = {voice.split("+")[-1] for field in ("voices", "agents") for voice in texts.of_corpus(field, files)}
    kinds = {name for file in files for name in texts.kinds_of(file)}
    text = np.array([texts.plain(m[2]) in said if KINDS[m[1]] < 2 else m[2] in kinds for m in lessons.meta])
    voice = np.array([m[3] == "rule" or m[3].split("+")[-1] in variants for m in lessons.meta])
    return text, voice


def check(lessons):
    held, built = ["held_before.rs"], ["built_on.rs"]
    text, voice = is_of(lessons, held)
    made = np.array([m[3] in ("rule", "vowels") for m in lessons.meta])
    print("left out: the set that was held out before", flush=True)
    scores_of(lessons, ~text & ~(voice & ~made), text & voice)
    built_text, built_voice = is_of(lessons, built)
    part = lambda n, of: np.array([zlib.crc32(m[of].encode()) % 4 == n for m in lessons.meta])
    for fold in range(1):
        texts_out, voices_out = part(fold, 2), part(fold, 3)
        print(f"left out: quarter {fold + 1} of voices and of texts", flush=True)
        tested = built_text & built_voice & texts_out & (voices_out | made)
        scores_of(lessons, ~texts_out & ~(voices_out & ~made), tested)


def scores_of(lessons, taught, tested):
    ear = learn(lessons, taught)
    report(lessons, tested, odds(ear, lessons, tested))


def stored(numbers):
    return np.clip(np.round(np.asarray(numbers).ravel() * PART), -32_768, 32_767).astype("<i2")


def write(lessons):
    everything = np.ones(len(lessons.meta), bool)
    ear = learn(lessons, everything, EPOCHS)
    state = {name: value.numpy() for name, value in ear.state_dict().items()}
    told = state["memory.weight_ih_l0"] / ear.scale.numpy()
    told_bias = state["memory.bias_ih_l0"] - told @ ear.mean.numpy()
    parts = [told, told_bias, state["memory.weight_hh_l0"], state["memory.bias_hh_l0"],
             state["output.weight"], state["output.bias"]]
    print("largest weights:", [f"{np.abs(part).max():.1f}" for part in parts])
    np.concatenate([stored(part) for part in parts]).tofile(WEIGHTS)
    report(lessons, everything, odds(ear, lessons, everything))


if __name__ == "__main__":
    lessons = Lessons()
    print(len(lessons.meta), "stretches of", len({m[0] for m in lessons.meta}), "trials", flush=True)
    {"check": check, "write": write}[sys.argv[2]](lessons)
