from parsl.data_provider.files import File

by_url, by_path = File("file:///home/user/data.txt"), File("/home/user/data.txt")
for f in (by_url, by_path):
    print(f.scheme, f.filepath)
