"""Words are counted in a map."""
import sys


def main(n):
    words = ["map", "array", "string", "struct", "enum", "match", "loop", "call", "let", "const"]
    counts = {}
    seed = 42
    for _ in range(n):
        seed = seed * 16807 % 2147483647
        word = words[seed // 65536 % len(words)] + str(seed // 4096 % 7)
        counts[word] = counts.get(word, 0) + 1
    print(len(counts))
    best = ""
    most = 0
    for word, count in counts.items():
        if count > most or count == most and word < best:
            best = word
            most = count
    print(f"{best} {most}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 20000)
