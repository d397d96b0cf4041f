"""The largest singular value of an infinite matrix."""
import sys
from math import sqrt


def a(i, j):
    return 1 / ((i + j) * (i + j + 1) // 2 + i + 1)


def times(v, out, transposed):
    for i in range(len(v)):
        total = 0.0
        for j in range(len(v)):
            if transposed:
                total += a(j, i) * v[j]
            else:
                total += a(i, j) * v[j]
        out[i] = total


def main(n):
    u = [1.0] * n
    v = [0.0] * n
    w = [0.0] * n
    for _ in range(10):
        times(u, w, False)
        times(w, v, True)
        times(v, w, False)
        times(w, u, True)
    vbv = 0.0
    vv = 0.0
    for i in range(n):
        vbv += u[i] * v[i]
        vv += v[i] * v[i]
    print(sqrt(vbv / vv))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
