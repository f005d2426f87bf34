from parsl import File

# for files that every task can see
by_url = File("file:///home/user/data.txt")
by_path = File("/home/user/data.txt")

assert by_url.scheme == by_path.scheme == "file"
assert by_url.filepath == by_path.filepath == "/home/user/data.txt"
