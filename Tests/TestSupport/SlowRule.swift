/// A file of one rule for a town of radars, which others may follow: a speed below 10 km/h raises it, and any other ends it.
package enum SlowRule {
  package static let text = """
    rules:
      - id: slow
        name: {vi: "Chậm", en: "Slow"}
        where: {domain: traffic}
        when: last(speed) < 10
        severity: major
        message: {vi: "{device.name}: {last(speed)} km/h", en: "{device.name}: {last(speed)} km/h"}

    """
}
