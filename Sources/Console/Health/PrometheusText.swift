/// Writes metrics in Prometheus' text format 0.0.4: each family with HELP and TYPE, then its samples.
package struct PrometheusText {
  package enum Kind: String { case counter, gauge, histogram }
  package typealias Labels = KeyValuePairs<String, String>

  package private(set) var text = ""

  package init() {}

  /// A family of one sample without labels.
  package mutating func one(_ kind: Kind, _ name: String, _ help: String, _ value: Int64) {
    family(kind, name, help)
    sample(name, [:], value)
  }

  package mutating func family(_ kind: Kind, _ name: String, _ help: String) {
    text += "# HELP \(name) \(Self.escape(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  package mutating func sample(_ name: String, _ labels: Labels, _ value: Int64) { line(name, labels, "\(value)") }

  /// The samples of a histogram: cumulative buckets with their upper bounds in seconds, sum and count.
  package mutating func histogram(_ name: String, bounds: [Double], counts: [Int64], sum: Double) {
    var total: Int64 = 0
    for (place, count) in counts.enumerated() {
      total += count
      line("\(name)_bucket", ["le": place < bounds.count ? "\(bounds[place])" : "+Inf"], "\(total)")
    }
    line("\(name)_sum", [:], "\(sum)")
    line("\(name)_count", [:], "\(total)")
  }

  private mutating func line(_ name: String, _ labels: Labels, _ value: String) {
    text += name
    if !labels.isEmpty { text += "{\(labels.map { "\($0.key)=\"\(Self.escape($0.value, quotes: true))\"" }.joined(separator: ","))}" }
    text += " \(value)\n"
  }

  static func escape(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
