"""How often each small integer was seen; quantiles and ranks that follow. Knows no unit."""

from array import array


class Counts:
    """How often each value from `low` to `low + size - 1` was seen this night."""

    def __init__(self, low, size):
        self.low = low
        self.size = size
        self.n = 0
        self._cells = array("H", [0] * size)

    def add(self, value):
        self.n += 1
        self._cells[max(0, min(self.size - 1, value - self.low))] += 1

    def quantile(self, percent):
        """The value below which `percent` of the night lies."""
        left = self.n * percent // 100
        i = 0
        while i < self.size - 1 and left >= self._cells[i]:
            left -= self._cells[i]
            i += 1
        return self.low + i

    def rank(self, value):
        """Share of the night below `value`, half of those at it, 255 = all."""
        at = max(0, min(self.size - 1, value - self.low))
        below = 0
        for i in range(at):
            below += self._cells[i]
        return (below * 2 + self._cells[at]) * 255 // (self.n * 2) if self.n else 128
