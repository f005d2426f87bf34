from parsl import File

with open("hello.txt", "w") as f:
    f.write("Hello")

# a File may be opened like its path
my_file = File("hello.txt")
with open(my_file, "r") as f:
    print(f.read())
