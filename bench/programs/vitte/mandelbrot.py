"""Points that stay."""
import sys


def iterations(cx, cy, most):
    x = 0.0
    y = 0.0
    for i in range(most):
        xx = x * x
        yy = y * y
        if xx + yy > 4:
            return i
        y = 2 * x * y + cy
        x = xx - yy + cx
    return most


def sign(n):
    if n == 200:
        return "#"
    if n > 10:
        return "+"
    if n > 4:
        return "."
    return " "


def main(rows):
    columns = rows * 8 // 3
    total = 0
    for row in range(rows):
        line = []
        for column in range(columns):
            n = iterations(column / rows - 2, 2 * row / rows - 1, 200)
            total += n
            line.append(sign(n))
        print("".join(line))
    print(total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
