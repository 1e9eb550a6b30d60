"""Makes the material that the network learns from: raw 8 kHz samples, and an index of who says what.

    python3 material.py FOLDER [RECORDINGS]

Needs Debian's espeak-ng, flite, festival with festvox-us-slt-hts, sox, python3-numpy and python3-scipy. RECORDINGS is a
folder with unpacked packages (see README.md). One line of index.tsv for each sound: kind, what is said, who says it, file.
"""

import ctypes
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

import texts
import throats

FOLDER = Path(sys.argv[1])
RECORDINGS = Path(sys.argv[2]) if len(sys.argv) > 2 else None
DICE = random.Random(1)

# Beside the voices of the development sets. None of the held-out set, and no sibling of one.
MORE_VOICES = [
    f"{dialect}+{variant}"
    for variant in ["klatt", "klatt2", "klatt3", "klatt5", "klatt6", "Gene2", "edward2", "kaukovalta", "AnxiousAndy",
                    "steph2", "steph3", "Tweaky", "anikaRobot", "UniRobot", "fast", "robosoft", "robosoft3", "robosoft7"]
    for dialect in ["en-us", "en-gb"]
]


class Espeak:
    """libespeak-ng without a process for each sentence."""

    def __init__(self):
        self.lib = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.lib.espeak_Initialize(2, 400, None, 0)
        self.pieces = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

        def take(samples, count, _events):
            if count > 0:
                self.pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        self.callback = kind(take)
        self.lib.espeak_SetSynthCallback(self.callback)

    def say(self, voice, text, speed, pitch, span):
        self.pieces = []
        self.lib.espeak_SetVoiceByName(voice.encode())
        for parameter, value in [(1, speed), (2, 100), (3, pitch), (4, span)]:
            self.lib.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        self.lib.espeak_Synth(data, len(data), 0, 1, 0, 1 | 0x100 | 0x1000, None, None)
        if not self.pieces:
            return None
        return to_8k(np.concatenate(self.pieces), self.rate)


def to_8k(samples, rate):
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim > 1:
        samples = samples.mean(axis=1)
    divisor = np.gcd(8_000, rate)
    return resample_poly(samples, 8_000 // divisor, rate // divisor)


def trimmed(samples):
    """Without the silence at both ends; at most 2.4 seconds."""
    levels = np.sqrt((samples[: len(samples) // 40 * 40].reshape(-1, 40) ** 2).mean(axis=1))
    loud = np.nonzero(levels > levels.max() * 0.02)[0] if len(levels) and levels.max() > 0 else []
    if len(loud) == 0:
        return None
    return samples[loud[0] * 40 : min((loud[-1] + 1) * 40, loud[0] * 40 + 19_200)]


def lasts(samples):
    """Seconds from the first to the last 5 ms within 25 dB of the loudest."""
    levels = np.sqrt((samples[: len(samples) // 40 * 40].reshape(-1, 40) ** 2).mean(axis=1))
    loud = np.nonzero(levels > levels.max() * 0.056)[0]
    return (loud[-1] + 1 - loud[0]) * 0.005


class Index:
    def __init__(self):
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.file = open(FOLDER / "index.tsv", "w")
        self.count = 0

    def add(self, kind, text, voice, samples):
        samples = None if samples is None else trimmed(samples)
        if samples is None or len(samples) < 400:
            return
        samples = samples * (16_000 / np.abs(samples).max())
        name = f"{self.count}.s16"
        samples.astype("<i2").tofile(FOLDER / name)
        text = re.sub(r"\s", " ", text)
        self.file.write(f"{kind}\t{text}\t{voice}\t{name}\n")
        self.count += 1


def by_espeak(index, talks, remarks, laughs):
    espeak = Espeak()
    voices = texts.of_corpus("voices") * 2 + texts.of_corpus("agents") + MORE_VOICES
    sentences, short = texts.sentences(6_000), texts.remarks()
    own = len(texts.of_corpus("interruptions"))
    jobs = []
    for n in range(talks):
        jobs.append(("Interruption", sentences[n % own] if n % 3 == 0 else DICE.choice(sentences)))
    jobs += [("Remark", DICE.choice(short)) for _ in range(remarks)]
    funny = texts.LAUGHS + [f"[[{laugh}]]" for laugh in texts.PHONED_LAUGHS]
    jobs += [("Throat", DICE.choice(funny)) for _ in range(laughs)]
    for kind, text in jobs:
        voice = DICE.choice(voices)
        speed = DICE.randint(*{"Interruption": (138, 205), "Remark": (145, 215), "Throat": (190, 320)}[kind])
        samples = espeak.say(voice, text, speed, DICE.randint(25, 78), DICE.randint(30, 75))
        index.add(kind, text, voice, samples)


def by_flite(index, count):
    sentences, short = texts.sentences(6_000), [t for t in texts.remarks() if not t.startswith("[[")]
    with tempfile.TemporaryDirectory() as folder:
        wav = f"{folder}/a.wav"
        for n in range(count):
            voice = DICE.choice(["slt", "rms", "awb", "kal16"])
            kind, text = ("Interruption", DICE.choice(sentences)) if n % 2 else ("Remark", DICE.choice(short))
            mean = {"slt": 170, "rms": 95, "awb": 115, "kal16": 105}[voice] * DICE.uniform(0.8, 1.3)
            subprocess.run(["flite", "-voice", voice, "--setf", f"duration_stretch={DICE.uniform(0.8, 1.2):.2f}",
                            "--setf", f"int_f0_target_mean={mean:.0f}", "-t", text, "-o", wav], check=True)
            rate, samples = wavfile.read(wav)
            index.add(kind, text, f"flite-{voice}", squeezed(to_8k(samples, rate)))


def by_festival(index, count):
    sentences, short = texts.sentences(6_000), [t for t in texts.remarks() if not t.startswith("[[")]
    with tempfile.TemporaryDirectory() as folder:
        script, said = ["(voice_cmu_us_slt_arctic_hts)"], []
        for n in range(count):
            kind, text = ("Interruption", DICE.choice(sentences)) if n % 2 else ("Remark", DICE.choice(short))
            said.append((kind, text))
            quoted = text.replace('"', "")
            script.append(f"(Parameter.set 'Duration_Stretch {DICE.uniform(0.8, 1.2):.2f})")
            script.append(f'(utt.save.wave (utt.synth (Utterance Text "{quoted}")) "{folder}/{n}.wav" \'riff)')
        Path(f"{folder}/all.scm").write_text("\n".join(script))
        subprocess.run(["festival", "-b", f"{folder}/all.scm"], check=False)
        for n, (kind, text) in enumerate(said):
            if Path(f"{folder}/{n}.wav").exists():
                rate, samples = wavfile.read(f"{folder}/{n}.wav")
                index.add(kind, text, "festival-slt", squeezed(to_8k(samples, rate)))


def squeezed(samples):
    """Another throat: faster and higher, or slower and lower."""
    return resample_poly(samples, DICE.choice([17, 18, 19, 20, 21, 22, 23]), 20)


# Part of a path that tells what a recording is; the first that fits counts. A voice is what lies before the file.
NOISES = [
    (r"scratch/.*/(Laugh|Cough|Sneeze|BabyCry|Scream|Slurp)", "Throat"),
    (r"hedgewars.*/voices/.*/(Laugh|PoisonCough|PoisonMoan|Ow\d|Ooff\d|Jump\d)", "Throat"),
    (r"scratch/.*/(Bird|Cat|Crick|Dog|Duck|Goose|Horse|Kitten|Meow|Owl|Rooster|SeaLion|Wolf)", "Noise"),
    (r"scratch/.*/(Balloon|Bell|Bubbles|Car|Door|Motor|Plunge|Pop|Rattle|Ripples|Sewing|Typing|Water|Finger|Foot)", "Noise"),
    (r"scratch/.*/(Chord|Guitar|String|Tambura|Trumpet|Xylo|Drum|Gong|Hand|Ride|Shaker)", "Music"),
]


def recordings(index):
    """Human beings: short utterances are remarks, long ones talk; what lies between is left out."""
    for path in sorted(RECORDINGS.rglob("*")):
        name = str(path.relative_to(RECORDINGS))
        if path.suffix not in (".wav", ".ogg", ".mp3") or "silence/" in name:
            continue
        speech = re.search(r"asterisk|klettres|ktuberling/sounds|hedgewars.*/voices", name)
        kind = next((kind for pattern, kind in NOISES if re.search(pattern, name)), None)
        if kind is None and (speech is None or path.suffix == ".mp3"):
            continue
        sox = subprocess.run(["sox", "-V0", str(path), "-t", "s16", "-r", "8000", "-c", "1", "-"], capture_output=True)
        samples = np.frombuffer(sox.stdout[: len(sox.stdout) // 2 * 2], dtype="<i2").astype(np.float64)
        samples = trimmed(samples)
        if samples is None or len(samples) < 800:
            continue
        seconds = lasts(samples)
        if kind is None:
            # Letters and single words are long where the room is loud.
            is_long = seconds > 1.1 and not re.search("klettres|ktuberling", name)
            kind = "Remark" if seconds < 0.62 else "Interruption" if is_long else None
        if kind is None:
            continue
        for n in range(6 if kind == "Throat" and "scratch" in name else 2):
            voice = name.split("/")[0] + " " + path.parent.name
            index.add(kind, path.stem, voice, samples if n == 0 else squeezed(samples))


def by_vowels(index, laughs, coughs, groans):
    """Throats out of what has been said so far."""
    dice = np.random.default_rng(2)
    said = index.count
    for make, count in [(throats.laugh, laughs), (throats.cough, coughs), (throats.groan, groans)]:
        for _ in range(count):
            samples = np.fromfile(FOLDER / f"{dice.integers(said)}.s16", dtype="<i2").astype(np.float64)
            index.add("Throat", make.__name__, "vowels", make(samples, dice))


if __name__ == "__main__":
    index = Index()
    if RECORDINGS:
        recordings(index)
        print("recordings", index.count, flush=True)
    by_espeak(index, 14_000, 14_000, 1_500)
    print("espeak-ng", index.count, flush=True)
    by_flite(index, 2_000)
    by_festival(index, 1_000)
    by_vowels(index, 4_000, 2_200, 800)
    print("all", index.count, flush=True)
