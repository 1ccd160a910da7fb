"""Validates events against the JSON Schemas of a folder, and shows that the schemas refuse what is near them.

    validate_events.py SCHEMAS EVENTS

EVENTS holds one CloudEvent a line. Prints one JSON object: how many events there were, the faults of any, how many altered events were
tried, and which of these the schemas let pass.
"""
import copy, json, pathlib, sys
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

OPEN = {"values", "evidence"}  # their keys are terms and metrics


def validator(folder):
    schemas = {path.name: json.loads(path.read_text()) for path in pathlib.Path(folder).glob("*.json")}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    registry = Registry().with_resources([(schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()])
    return Draft202012Validator(schemas["event-1.json"], registry=registry)


def places(value, path=()):
    """Every value within a value, with the way to it."""
    yield path, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, path + (key,))


def altered(event, path, change):
    other = copy.deepcopy(event)
    inner = other
    for key in path:
        inner = inner[key]
    change(inner)
    return other


def mutants(event):
    """The event with a key less, a key more, or a value of another kind, at every place."""
    for path, value in places(event):
        if isinstance(value, dict):
            is_open = path and path[-1] in OPEN
            if not is_open:
                yield f"{path} with another key", altered(event, path, lambda o: o.update(extra=1))
            for key in value:
                if not is_open and not (key == "subject" and "gateway" in event["type"]):
                    yield f"{path} without {key}", altered(event, path, lambda o: o.pop(key))
                yield f"{path} with another kind of {key}", altered(event, path, lambda o: o.update({key: [["x"]]}))


def main():
    schema, tried, faults, passed, seen, kinds = validator(sys.argv[1]), 0, [], [], {}, {}
    for line in open(sys.argv[2], encoding="utf-8"):
        event = json.loads(line)
        kind = event["type"] + (" group" if "deviceCount" in event["data"] else "")
        kinds[kind] = kinds.get(kind, 0) + 1
        faults += [f"{event['id']} {list(fault.absolute_path)}: {fault.message[:200]}" for fault in schema.iter_errors(event)]
        if seen.setdefault(kind, 0) < 2:
            seen[kind] += 1
            for name, mutant in mutants(event):
                tried += 1
                if schema.is_valid(mutant):
                    passed.append(f"{kind}: {name}")
    print(json.dumps({"kinds": kinds, "faults": faults[:20], "mutants": tried, "passed": passed[:20]}))


main()
