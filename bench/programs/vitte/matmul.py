"""Products of matrices."""
import sys


def matrix(n, seed):
    return [[seed * (i - j) * (i + j) for j in range(n)] for i in range(n)]


def product(a, b):
    n = len(a)
    out = []
    for left in a:
        row = []
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += left[k] * b[k][j]
            row.append(total)
        out.append(row)
    return out


def main(n):
    c = product(matrix(n, 1 / n), matrix(n, 2 / n))
    print(c[n // 2][n // 2])


main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
