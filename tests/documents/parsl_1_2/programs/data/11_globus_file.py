from parsl.data_provider.files import File

f = File("globus://7d1e5a2c-15cf-11e8-b611-0ac6873fc732/unsorted.txt")
print(f.scheme, f.netloc, f.path)
