from parsl import File

unsorted = File("globus://00000000-1111-2222-3333-444444444444/unsorted.txt")

assert (unsorted.scheme, unsorted.path) == ("globus", "/unsorted.txt")
assert unsorted.netloc == "00000000-1111-2222-3333-444444444444"
