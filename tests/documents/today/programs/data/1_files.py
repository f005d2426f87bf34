from parsl import File

local = File("file://home/user/data.txt")
remote = File("https://example.org/project/README.rst")

assert (local.scheme, local.netloc, local.path) == ("file", "home", "/user/data.txt")
assert (remote.scheme, remote.netloc, remote.filename) == ("https", "example.org", "README.rst")
assert remote.url == "https://example.org/project/README.rst"
