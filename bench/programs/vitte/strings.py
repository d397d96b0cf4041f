"""Text is built, taken apart and put together."""
import sys


def main(n):
    parts = []
    for i in range(n):
        parts.append(f"{i}:{i * i % 97}")
    text = ",".join(parts)
    print(len(text))
    total = 0
    for part in text.split(","):
        fields = part.split(":")
        total += int(fields[1])
    print(total)
    backwards = ""
    for c in "stressed":
        backwards = c + backwards
    print(backwards.upper())
    print(text.replace(":", "=")[:40])


main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
