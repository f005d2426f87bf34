from parsl import File

changes = File("ftp://ftp.example.org/pub/CHANGES.txt")

assert (changes.scheme, changes.netloc, changes.path) == ("ftp", "ftp.example.org", "/pub/CHANGES.txt")
assert changes.filename == "CHANGES.txt"
