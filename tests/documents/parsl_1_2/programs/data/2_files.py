from parsl.data_provider.files import File

here = File("file:///home/user/data.txt")
there = File("https://example.org/docs/README.rst")

print(here.scheme, here.path, here.filename, here.filepath)
print(there.scheme, there.netloc, there.path, there.filename)
