"""Laughs, coughs and groans out of other people's vowels.

Those made by rule are regular, and of two kinds of synthesis only. A laugh here is a piece of somebody's vowel that comes
back a few times, and a cough is noise through the mouth of somebody who was about to say something.
"""

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter, resample

RATE = 8_000


def vowel(samples, seconds, dice):
    """The loudest stretch of some speech, or one near it."""
    length = int(seconds * RATE)
    if len(samples) <= length + 400:
        return None
    power = np.convolve(samples**2, np.ones(length), "valid")
    good = np.nonzero(power > 0.4 * power.max())[0]
    begin = int(dice.choice(good))
    return samples[begin : begin + length]


def arch(length, up):
    t = np.linspace(0, 1, length)
    return np.minimum(t / up, (1 - t) / (1 - up)).clip(0, 1) ** 0.7


def mouth(samples):
    """The predictor of order 10 of a stretch: the shape of a mouth."""
    windowed = samples * np.hanning(len(samples))
    own = np.correlate(windowed, windowed, "full")[len(windowed) - 1 :][:11]
    taps = solve_toeplitz(own[:10] * np.r_[1.001, np.ones(9)] + np.r_[1e-3, np.zeros(9)], own[1:11])
    return np.concatenate([[1.0], -taps])


def laugh(samples, dice):
    """A beat with a breath before it, three to eight times."""
    beat = dice.uniform(0.1, 0.28)
    share = dice.uniform(0.35, 0.85)
    piece = vowel(samples, beat * share, dice)
    if piece is None:
        return None
    breathy, drift = dice.uniform(0.0, 0.5), dice.uniform(0.93, 1.03)
    fade, wander = dice.uniform(0.75, 1.05), dice.uniform(0.0, 0.15)
    shape, out, speed, strength = mouth(piece), [], dice.uniform(0.75, 1.35), 1.0
    top = np.abs(piece).max() + 1e-9
    for _ in range(dice.integers(3, 9)):
        length = max(int(len(piece) / speed), 120)
        voice = resample(piece, length) / top * arch(length, dice.uniform(0.15, 0.6))
        gap = max(int(beat * RATE * dice.uniform(1 - wander, 1 + wander)) - length, 40)
        breath = lfilter([1.0], shape, dice.normal(size=gap))
        breath *= breathy * 0.3 / (np.abs(breath).max() + 1e-9) * np.linspace(0, 1, gap)
        out += [strength * breath, strength * voice]
        speed *= drift * dice.uniform(1 - wander / 2, 1 + wander / 2)
        strength *= fade * dice.uniform(1 - wander, 1 + wander)
    return np.concatenate(out) * 16_000


def cough(samples, dice):
    """One to four bursts of noise through a mouth, some with a voice behind it."""
    piece = vowel(samples, 0.04, dice)
    if piece is None:
        return None
    shape, out = mouth(piece), []
    for _ in range(dice.integers(1, 5)):
        length = int(dice.uniform(0.06, 0.3) * RATE)
        burst = lfilter([1.0], shape, dice.normal(size=length)) * np.exp(-np.linspace(0, dice.uniform(1.5, 6), length))
        burst /= np.abs(burst).max() + 1e-9
        tail = vowel(samples, dice.uniform(0.04, 0.15), dice) if dice.random() < 0.6 else None
        if tail is not None:
            tail = tail / (np.abs(tail).max() + 1e-9) * np.linspace(1, 0, len(tail)) * dice.uniform(0.1, 0.9)
            begin = int(length * dice.uniform(0.05, 0.6))
            burst = np.pad(burst, (0, max(0, begin + len(tail) - length)))
            burst[begin : begin + len(tail)] += tail
        out += [burst, np.zeros(int(dice.uniform(0.04, 0.35) * RATE))]
    return np.concatenate(out) * 12_000


def groan(samples, dice):
    """A vowel drawn out, with more or less air."""
    piece = vowel(samples, 0.08, dice)
    if piece is None:
        return None
    length = int(dice.uniform(0.12, 0.9) * RATE)
    air = lfilter([1.0], mouth(piece), dice.normal(size=length))
    wave = np.tile(np.concatenate([piece, piece[::-1]]), length // (2 * len(piece)) + 1)[:length]
    mixed = wave / np.abs(wave).max() + dice.uniform(0, 0.8) * air / (np.abs(air).max() + 1e-9)
    return mixed * arch(length, dice.uniform(0.1, 0.7)) * 10_000
