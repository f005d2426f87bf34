# no Parsl here: a function sees the global variables of its module
capital = "Riga"


def tell():
    print("the capital is", capital)


tell()
