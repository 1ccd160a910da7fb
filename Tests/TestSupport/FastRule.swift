/// A rule for a town of radars, beside `SlowRule`: a speed above 90 km/h raises it, and any other ends it.
package enum FastRule {
  /// A file of it alone.
  package static let text = "rules:\n" + entry
  /// As it stands behind other rules of a file.
  package static let entry = """
      - id: fast
        name: {vi: "Nhanh", en: "Fast"}
        where: {domain: traffic}
        when: last(speed) > 90
        severity: minor
        message: {vi: "{last(speed)}", en: "{last(speed)}"}

    """
}
