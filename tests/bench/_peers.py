"""Beat detectors by others, on the same samples: each takes counts that rise with the pulse
and a rate, and gives beat times in seconds. Their peaks lie on the sample grid; `refine` lends
them the parabola that Dreamlamp's own detector has, on the signal the peer itself cleaned.
"""

import time
import warnings

import numpy as np


def refine(signal: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Sample indices of the tops of the parabolas through the three samples at each peak."""
    peaks = peaks[(peaks > 0) & (peaks < len(signal) - 1)]
    left, mid, right = signal[peaks - 1], signal[peaks], signal[peaks + 1]
    bend = 2 * mid - left - right
    shift = np.divide(right - left, 2 * bend, out=np.zeros(len(peaks)), where=bend > 0)
    return peaks + np.clip(shift, -0.5, 0.5)


def neurokit(method: str):
    """NeuroKit2: `elgendi` (two moving averages, 2013), `charlton` (MSPTD)."""

    def detect(x: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
        import neurokit2

        clean = neurokit2.ppg_clean(x, sampling_rate=rate, method="elgendi")
        found = neurokit2.ppg_findpeaks(clean, sampling_rate=rate, method=method)
        return clean, np.asarray(found["PPG_Peaks"], int)

    return detect


def heartpy(x: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """HeartPy (van Gent 2019), band-passed as its guide advises; its rejected peaks kept."""
    import heartpy as library

    clean = library.filter_signal(x, [0.5, 8], rate, order=2, filtertype="bandpass")
    working, _ = library.process(clean, rate)
    return clean, np.asarray(working["peaklist"], int)


PEERS = {
    "NeuroKit2 elgendi": neurokit("elgendi"),
    "NeuroKit2 charlton (MSPTD)": neurokit("charlton"),
    "HeartPy": heartpy,
}


def run(name: str, x: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Beat times in s as the peer gives them, the same refined, and CPU seconds.

    Empty where the peer gives up on a recording (HeartPy raises when it trusts nothing).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        try:
            clean, peaks = PEERS[name](x, rate)
        except Exception as error:
            print(f"  {name} gave up: {type(error).__name__}")
            return np.zeros(0), np.zeros(0), time.process_time() - began
        spent = time.process_time() - began
    peaks = peaks[(peaks > 0) & (peaks < len(x) - 1)]
    return peaks / rate, refine(clean, peaks) / rate, spent
