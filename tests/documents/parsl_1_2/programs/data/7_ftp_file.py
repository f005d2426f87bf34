from parsl.data_provider.files import File

f = File("ftp://www.iana.org/pub/mirror/rirstats/arin/ARIN-STATS-FORMAT-CHANGE.txt")
print(f.scheme, f.netloc, f.filename)
