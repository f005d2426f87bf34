import parsl
from parsl import python_app

parsl.load()


@python_app
def with_new_member(members: list, name) -> list:
    members.append(name)
    return members


members = with_new_member(["Ada"], "Grace").result()
members = with_new_member(members, "Hedy").result()
print(members)
