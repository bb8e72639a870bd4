"""Figures of staged nights: kappa, REM, bias, calibration, each over every PSG-scored epoch.

Classes are W 0, light 1, N3 2, R 3; ABSTAINED is one more answer, never right. A night is
(truth, said) with truth -1 where PSG scored nothing. Knows no model.
"""

import numpy as np

ABSTAINED = 4
THREE = np.array([0, 1, 1, 2, 3])  # class -> wake, NREM, REM, abstained
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


def confusion(truth: np.ndarray, said: np.ndarray, three: bool) -> np.ndarray:
    """Counts, truth x said, of one night."""
    at = truth >= 0
    t, s = truth[at], said[at]
    t, s, n = (THREE[t], THREE[s], 4) if three else (t, s, 5)
    return np.bincount(t * n + s, minlength=n * n).reshape(n, n)


def kappa(counts: np.ndarray) -> float:
    """Cohen's kappa of a confusion matrix."""
    total = counts.sum()
    if not total:
        return float("nan")
    chance = counts.sum(0) @ counts.sum(1) / total**2
    return float((np.trace(counts) / total - chance) / (1 - chance)) if chance < 1 else 0.0


def by_subject(nights: list, three: bool = True) -> dict[str, np.ndarray]:
    """A confusion matrix per subject; a night is (subject, truth, said)."""
    out: dict[str, np.ndarray] = {}
    for subject, truth, said in nights:
        counts = confusion(truth, said, three)
        out[subject] = out.get(subject, 0) + counts
    return out


def interval(subjects: dict[str, np.ndarray], draws: int = 1000, seed: int = 1) -> list[float]:
    """95 % bootstrap interval of the pooled kappa, drawn by subject."""
    counts = np.array(list(subjects.values()))
    rng = np.random.default_rng(seed)
    drawn = [
        kappa(counts[rng.integers(len(counts), size=len(counts))].sum(0)) for _ in range(draws)
    ]
    return [round(float(q), 3) for q in np.quantile(drawn, [0.025, 0.975])]


def rem(counts: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 of REM in a 4-class confusion matrix."""
    hit = counts[3, 3]
    precision = hit / max(1, counts[:, 3].sum())
    recall = hit / max(1, counts[3].sum())
    return (
        float(precision),
        float(recall),
        float(2 * hit / max(1, counts[:, 3].sum() + counts[3].sum())),
    )


def bias_pp(counts: np.ndarray) -> np.ndarray:
    """Said minus true share of W, light, N3, R, percentage points."""
    return 100 * (counts.sum(0)[:4] - counts.sum(1)[:4]) / counts.sum()


def reliability(confidence: np.ndarray, right: np.ndarray) -> tuple[float, list]:
    """Expected calibration error, and rows (mean confidence, share right, epochs) by tenths."""
    rows, error = [], 0.0
    for low in range(0, 100, 10):
        at = (confidence >= low) & (confidence < low + 10)
        if at.any():
            said, was = confidence[at].mean() / 100, right[at].mean()
            rows.append([round(float(said), 3), round(float(was), 3), int(at.sum())])
            error += abs(said - was) * at.sum() / len(right)
    return float(error), rows


def coverage_curve(truth: np.ndarray, said: np.ndarray, confidence: np.ndarray) -> list:
    """Rows (coverage, kappa3 of the epochs kept) as the least confident are left unscored."""
    at = (truth >= 0) & (said != ABSTAINED)
    order = np.argsort(-confidence[at], kind="stable")
    t, s, total = truth[at][order], said[at][order], (truth >= 0).sum()
    rows = []
    for share in COVERAGES:
        n = min(len(t), int(share * total))
        rows.append([round(n / total, 3), round(kappa(confusion(t[:n], s[:n], True)), 3)])
    return rows


def figures(nights: list, confidence: list[np.ndarray]) -> dict:
    """Everything that is told of one way of staging; a night is (subject, truth, said)."""
    three, four = by_subject(nights), by_subject(nights, three=False)
    pooled = sum(four.values())
    each = {s: kappa(c) for s, c in three.items()}
    worst = min(each, key=each.get)
    truth = np.concatenate([t for _, t, _ in nights])
    said = np.concatenate([s for _, _, s in nights])
    sure = np.concatenate(confidence)
    scored = (truth >= 0) & (said != ABSTAINED)
    error, rows = reliability(sure[scored], (said == truth)[scored])
    precision, recall, f1 = rem(pooled)
    per_night = [np.abs(bias_pp(confusion(t, s, three=False))) for _, t, s in nights]
    return {
        "kappa3": kappa(sum(three.values())),
        "kappa3_95": interval(three),
        "kappa4": kappa(pooled),
        "kappa4_95": interval(four),
        "accuracy3": float(np.trace(sum(three.values())) / pooled.sum()),
        "rem_precision": precision,
        "rem_recall": recall,
        "rem_f1": f1,
        "bias_pp": [round(float(b), 2) for b in bias_pp(pooled)],
        "bias_pp_max": float(np.abs(bias_pp(pooled)).max()),
        "bias_pp_night_mean": [round(float(b), 2) for b in np.mean(per_night, axis=0)],
        "calibration_error": error,
        "reliability": rows,
        "coverage": float(scored.sum() / (truth >= 0).sum()),
        "kappa3_at_coverage": coverage_curve(truth, said, sure),
        "subjects": {s: round(v, 3) for s, v in sorted(each.items())},
        "worst_subject": worst,
        "worst_subject_kappa3": each[worst],
    }
