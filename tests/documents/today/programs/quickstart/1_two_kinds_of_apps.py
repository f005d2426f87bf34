import parsl
from parsl import bash_app, python_app


@python_app
def count_words(text):
    return len(text.split())


@bash_app
def announce(number, stdout="announcement"):
    return 'echo "%d words"' % number


with parsl.load():
    words = count_words("nothing is as practical as a good theory").result()
    print(words)
    announce(words).result()

with open("announcement", "r") as f:
    print(f.read())
