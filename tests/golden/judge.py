"""Writes judge.json: Bradley-Terry strengths, kappas and rank correlations as scipy and scikit-learn have them.

    python tests/golden/judge.py     (numpy, scipy, scikit-learn)
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import cohen_kappa_score


def strengths(points, prior):
    """Maximises the likelihood itself; a tie is half a point, the prior half a win and half a loss against strength 1."""
    points = np.array(points, float)
    count = len(points)

    def loss(x):
        total = 0.0
        for i in range(count):
            total += prior / 2 * (np.logaddexp(0, -x[i]) + np.logaddexp(0, x[i]))
            for j in range(count):
                total += points[i, j] * np.logaddexp(0, x[j] - x[i])
        return total + (0 if prior else 1e-9 * x.mean() ** 2)

    found = minimize(loss, np.zeros(count), method="BFGS", options={"gtol": 1e-10, "maxiter": 10_000}).x
    return (found - found.mean()).tolist()


def main():
    random = np.random.default_rng(20)
    games = []
    for count, most, prior in [(2, 20, 0.0), (3, 30, 0.0), (5, 40, 0.0), (5, 40, 1.0), (8, 12, 1.0)]:
        points = random.integers(1, most, (count, count)) / 2
        np.fill_diagonal(points, 0)
        games.append((points.tolist(), prior))
    # One that wins everything, and two that only met the third.
    games.append(([[0, 10, 10], [0, 0, 5], [0, 5, 0]], 1.0))
    games.append(([[0, 0, 4, 0], [0, 0, 1.5, 0], [1, 2.5, 0, 0], [0, 0, 0, 0]], 1.0))
    kappas = []
    for length, same in [(50, 0.8), (200, 0.3), (30, 0.0), (9, 1.0)]:
        first = random.integers(0, 3, length)
        second = np.where(random.random(length) < same, first, random.integers(0, 3, length))
        kappas.append((first.tolist(), second.tolist()))
    kappas.append(([1] * 6, [1] * 6))
    ranks = []
    for length in (4, 7, 12):
        first, second = random.integers(0, 8, length), random.integers(0, 8, length)
        ranks.append((first.tolist(), second.tolist()))
    golden = {
        "bradley_terry": [
            {"points": np.array(p).ravel().tolist(), "prior": prior, "strengths": strengths(p, prior)} for p, prior in games
        ],
        "kappa": [
            {"first": a, "second": b, "kappa": None if len(set(a + b)) == 1 else float(cohen_kappa_score(a, b))}
            for a, b in kappas
        ],
        "ranks": [
            {"first": a, "second": b, "kendall": float(kendalltau(a, b)[0]), "spearman": float(spearmanr(a, b)[0])}
            for a, b in ranks
        ],
    }
    path = pathlib.Path(__file__).with_name("judge.json")
    path.write_text(json.dumps(golden) + "\n")


main()
