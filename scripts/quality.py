"""The two halves of scripts/bench-quality that are not simulation: what is said, and how good what was heard is.

    quality.py speak SENTENCES VOICES        one WAV (8 kHz) for each voice, and where in it each utterance lies
    quality.py judge VOICES CALLS COST JSON  PESQ (narrow band) and STOI of each call; a table, and figures with budgets
"""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from pesq import NoUtterancesError, pesq
from pystoi import stoi
from scipy.io import wavfile
from scipy.signal import correlate, resample_poly

RATE = 8_000
# Voices of espeak-ng: two men and two women, each of another accent and pitch.
VOICES = {"alan": "en-us+m3", "beth": "en-us+f2", "carl": "en-gb-x-rp+m7", "dora": "en-gb-scotland+f4"}
# Silence before each utterance, and after the last, in samples.
PAUSE = RATE
# An utterance is looked for from 20 ms before it was spoken to 400 ms after.
EARLY, LATE = RATE // 50, RATE * 2 // 5
HEARD = ("recording", "uplink", "zeros", "repeated")


def speak(sentences, voices):
    lines = [line for line in Path(sentences).read_text().splitlines() if line and not line.startswith("#")]
    voices.mkdir(parents=True, exist_ok=True)
    for name, voice in VOICES.items():
        call, places = [], []
        at = 0
        for line in lines:
            spoken = voices / "spoken.tmp"
            subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", spoken, line], check=True)
            utterance = telephone(*wavfile.read(spoken))
            spoken.unlink()
            places.append((at + PAUSE, at + PAUSE + len(utterance)))
            call += [np.zeros(PAUSE), utterance]
            at = places[-1][1]
        call.append(np.zeros(PAUSE))
        wavfile.write(voices / f"{name}.wav", RATE, np.concatenate(call).astype(np.int16))
        (voices / f"{name}.json").write_text(json.dumps(places))


def telephone(rate, samples):
    """What was said, at 8 kHz, without the silence around it, 26 dB under full scale."""
    common = np.gcd(rate, RATE)
    samples = resample_poly(samples.astype(np.float64), RATE // common, rate // common)
    loud = np.flatnonzero(np.abs(samples) > 100)
    samples = samples[loud[0] : loud[-1] + 1]
    level = np.sqrt(np.mean(samples**2))
    return np.clip(np.round(samples * (32_768 * 10 ** (-26 / 20) / level)), -32_768, 32_767)


def judge(voices, calls, cost, out):
    with open(calls / "calls.tsv") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    tasks = [(str(voices), str(calls), row["voice"], row["codec"], row["network"]) for row in rows]
    with Pool(len(os.sched_getaffinity(0))) as pool:
        scores = pool.starmap(score, tasks)
    groups = defaultdict(list)
    for row, scored in zip(rows, scores):
        groups[row["codec"], row["network"]].append((row, scored))
    cases = [case(*key, group) for key, group in groups.items()]
    figures = budgets(cases)
    costs = []
    for line in Path(cost).read_text().splitlines():
        network, listener, both = line.split("\t")
        costs.append({"network": network, "listener_ns": int(listener), "listener_and_recogniser_ns": int(both)})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"figures": figures, "cases": cases, "cost": costs}, indent=1))
    show(cases, costs, figures)
    return all(figure["holds"] for figure in figures)


def score(voices, calls, voice, codec, network):
    """Mean PESQ and STOI over the utterances of one call, for each of those who heard it."""
    _, said = wavfile.read(Path(voices) / f"{voice}.wav")
    places = json.loads((Path(voices) / f"{voice}.json").read_text())
    scores = {}
    for what in HEARD:
        _, heard = wavfile.read(Path(calls) / f"{voice}-{codec}-{network}-{what}.wav")
        heard = heard[:, 0] if heard.ndim == 2 else heard
        heard = np.concatenate([heard, np.zeros(LATE + RATE, np.int16)])
        both = [utterance(said[start:end], heard[start - EARLY : end + LATE]) for start, end in places]
        scores[what] = [float(np.mean(column)) for column in zip(*both)]
    return scores


def utterance(said, heard):
    said, heard = said.astype(np.float64), heard.astype(np.float64)
    try:
        quality = pesq(RATE, said.astype(np.int16), heard.astype(np.int16), "nb")
    except NoUtterancesError:
        quality = 1.0
    # STOI compares moment with moment: the delay that fits best is taken out first.
    at = int(np.argmax(correlate(heard, said, "valid", "fft")))
    return quality, stoi(said, heard[at : at + len(said)], RATE)


def case(codec, network, group):
    entry = {"codec": codec, "network": network}
    for what in HEARD:
        for n, measure in enumerate(("pesq", "stoi")):
            entry[f"{what}_{measure}"] = round(float(np.mean([scored[what][n] for _, scored in group])), 3)
    for column in ("delay_mean_ms", "delay_p95_ms", "concealed_ms", "stretched_ms", "shortened_ms", "late"):
        entry[column] = round(float(np.mean([float(row[column]) for row, _ in group])), 1)
    entry["delay_max_ms"] = max(float(row["delay_max_ms"]) for row, _ in group)
    return entry


def budgets(cases):
    figures = []

    def figure(name, value, unit, cmp, budget, conditions):
        holds = bool(value >= budget if cmp == ">=" else value <= budget)
        entry = {"name": name, "value": round(value, 3), "unit": unit, "cmp": cmp, "budget": budget, "holds": holds}
        figures.append(entry | {"conditions": conditions})

    for case in cases:
        if case["network"] == "loss-5" and case["codec"].startswith("pcm"):
            for what in ("recording", "uplink"):
                gain = case[f"{what}_pesq"] - case["zeros_pesq"]
                name = f"PESQ of the {what} above silence, {case['codec']}"
                figure(name, gain, "MOS", ">=", 0.5, "5 % loss, each packet by itself")
        if case["network"] == "clean":
            figure(f"delay added, {case['codec']}", case["delay_max_ms"], "ms", "<=", 40, "clean network, largest")
    return figures


def show(cases, costs, figures):
    head = f"{'codec':6}{'network':22}" + "".join(f"{what:>18}" for what in HEARD)
    print(head + f"{'delay mean/p95/max':>22}\n{'':28}" + f"{'PESQ  STOI':>18}" * 4)
    for case in cases:
        scores = "".join(f"{case[what + '_pesq']:>12.2f}{case[what + '_stoi']:>6.2f}" for what in HEARD)
        delays = "/".join(f"{case[f'delay_{which}_ms']:.0f}" for which in ("mean", "p95", "max"))
        print(f"{case['codec']:6}{case['network']:22}{scores}{delays:>22}")
    for cost in costs:
        listener, both = cost["listener_ns"], cost["listener_and_recogniser_ns"]
        print(f"CPU of a packet, {cost['network']}: {listener} ns, with a recogniser {both} ns")
    for figure in figures:
        missed = "" if figure["holds"] else "  MISSED"
        print(f"{figure['name']:48}{figure['value']:>8.2f} {figure['unit']:4} {figure['cmp']} {figure['budget']}{missed}")


if __name__ == "__main__":
    command, *paths = sys.argv[1:]
    if command == "speak":
        speak(paths[0], Path(paths[1]))
    elif not judge(Path(paths[0]), Path(paths[1]), Path(paths[2]), Path(paths[3])):
        sys.exit(1)
