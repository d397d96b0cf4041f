"""A JSON reader and writer."""
import sys


def show(value):
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, list):
        return show_list(value)
    return show_object(value)


def show_list(items):
    parts = []
    for item in items:
        parts.append(show(item))
    return "[" + ",".join(parts) + "]"


def show_object(fields):
    parts = []
    for name, value in fields.items():
        parts.append('"' + name + '":' + show(value))
    return "{" + ",".join(parts) + "}"


class Reader:
    __slots__ = ("text", "at")

    def __init__(self, text):
        self.text = text
        self.at = 0

    def peek(self):
        if self.at >= len(self.text):
            return ""
        return self.text[self.at]

    def blanks(self):
        while self.peek() == " " or self.peek() == "\n":
            self.at += 1

    def expect(self, what):
        assert self.text[self.at : self.at + len(what)] == what, "expected " + what
        self.at += len(what)

    def value(self):
        self.blanks()
        c = self.peek()
        if c == "n":
            result = self.word("null", None)
        elif c == "t":
            result = self.word("true", True)
        elif c == "f":
            result = self.word("false", False)
        elif c == '"':
            result = self.string()
        elif c == "[":
            result = self.list()
        elif c == "{":
            result = self.object()
        else:
            result = self.number()
        self.blanks()
        return result

    def word(self, text, value):
        self.expect(text)
        return value

    def string(self):
        self.expect('"')
        start = self.at
        while self.peek() != '"':
            self.at += 1
        text = self.text[start : self.at]
        self.expect('"')
        return text

    def number(self):
        start = self.at
        while self.peek() in "0123456789+-.eE" and self.peek() != "":
            self.at += 1
        return float(self.text[start : self.at])

    def list(self):
        items = []
        self.expect("[")
        self.blanks()
        while self.peek() != "]":
            items.append(self.value())
            if self.peek() == ",":
                self.at += 1
        self.expect("]")
        return items

    def object(self):
        fields = {}
        self.expect("{")
        self.blanks()
        while self.peek() != "}":
            self.blanks()
            name = self.string()
            self.blanks()
            self.expect(":")
            fields[name] = self.value()
            if self.peek() == ",":
                self.at += 1
        self.expect("}")
        return fields


def main(n):
    text = '{"name": "Vitte", "tags": [1, 2.5, -3e2, true, null], "in": {"a": [], "b": {}}}'
    print(show(Reader(text).value()))
    items = []
    for i in range(n):
        items.append('{"id": ' + str(i) + ', "ok": ' + ("true" if i % 3 == 0 else "false") + "}")
    large = Reader("[" + ", ".join(items) + "]")
    shown = show(large.value())
    print(len(shown))
    print(shown[:60])


main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
