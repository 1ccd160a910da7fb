import Alerting
import Readings

/// Columns for people.
enum TextTable {
  static func text(_ rows: [[String]], heads: [String]) -> String {
    let all = [heads] + rows
    let widths = heads.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = row.enumerated().map { column, cell in
        column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
      }
      return cells.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}

/// One JSON object a line.
enum JSONLines {
  static func print<T>(_ values: [T], _ write: (T, inout JSONWriter) -> Void) {
    var json = JSONWriter()
    for value in values {
      write(value, &json)
      json.endLine()
    }
    Swift.print(json.text, terminator: "")
  }
}

/// Alerts as operators read them.
enum AlertText {
  static func text(_ alerts: [AlertRecord]) -> String {
    TextTable.text(alerts.map(row), heads: ["id", "phát sinh", "mức", "tình trạng", "ở", "nội dung"])
  }

  private static func row(_ alert: AlertRecord) -> [String] {
    [
      alert.id, alert.raisedAt.forReaders, alert.severity.name, state(of: alert), alert.device ?? alert.subject,
      alert.message.vi.split(separator: "\n").joined(separator: " "),
    ]
  }

  private static func state(of alert: AlertRecord) -> String {
    if alert.state == AlertRecord.State.cleared.rawValue { return "kết thúc \(alert.clearedAt?.forReaders ?? "")" }
    if let acknowledged = alert.acknowledged { return "\(acknowledged.by) đã tiếp nhận" }
    if let hold = alert.course.hold { return OperatorText.name(of: hold).vi }
    if alert.course.isFlapping { return OperatorText.name(of: .flapping as AlertTransition).vi }
    return alert.course.isStale ? OperatorText.name(of: .stale as AlertTransition).vi : "đang diễn ra"
  }

  static func text(_ alert: AlertRecord, _ transitions: [TransitionRecord]) -> String {
    let rows = transitions.map { step in
      let (kind, reason) = (OperatorText.name(of: step.kind), OperatorText.name(of: step.reason))
      return [
        step.time.forReaders, step.severity?.name ?? "", kind.vi, reason.vi,
        [step.by, step.detail].compactMap { $0 }.joined(separator: ": "),
      ]
    }
    return """
      \(alert.id)  \(alert.rule)  \(alert.subject)  \(alert.severity.name)
      \(alert.message.vi)
      \(alert.message.en)

      \(TextTable.text(rows, heads: ["lúc", "mức", "chuyển sang", "vì", "ai, gì"]))
      """
  }
}
