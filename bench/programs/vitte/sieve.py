"""Primes."""
import sys


def primes(n):
    composite = [False] * n
    count = 0
    for i in range(2, n):
        if not composite[i]:
            count += 1
            for j in range(i * i, n, i):
                composite[j] = True
    return count


print(primes(int(sys.argv[1]) if len(sys.argv) > 1 else 20000))
