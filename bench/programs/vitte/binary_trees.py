"""Allocation: trees that come and go."""
import sys


class Tree:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left = left
        self.right = right


def make(depth):
    if depth == 0:
        return Tree(None, None)
    return Tree(make(depth - 1), make(depth - 1))


def count(tree):
    if tree is None:
        return 0
    return 1 + count(tree.left) + count(tree.right)


def main(most):
    print("stretch", count(make(most + 1)))
    long = make(most)
    for depth in range(4, most + 1, 2):
        times = 2 ** (most - depth + 4)
        total = 0
        for _ in range(times):
            total += count(make(depth))
        print(f"{times} trees of depth {depth}: {total}")
    print("long lived", count(long))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
