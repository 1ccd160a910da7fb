package import DeviceRegistry
package import Readings

/// What regulations allow, each with the time for which it does: `Rules/limits.csv`.
///
///     name,regulation,parameter,averaging,op,value,unit,valid_from,valid_to,confidence,note
///     pm25_24h,QCVN 05:2023/BTNMT,PM2.5,24h,<=,45,ug/Nm3,2026-01-01,,read,
///
/// `name` is what rules write, `limit(pm25_24h)`. Where it is empty, or the table has no such column, it is made of parameter and averaging:
/// `PM2.5` and `24h` are `pm25_24h`. A facility's permit decides which of several regulations is for it, so that one name is at any time
/// one row: rows of a name follow each other. Both dates belong to the time of validity, whole days in Vietnam; empty is without end.
package struct LimitTable: Sendable {
  package struct Row: Sendable, Equatable {
    package var name: String
    package var regulation: String
    package var parameter: String
    package var averaging: String
    package var value: Double
    package var unit: String
    /// `yyyy-MM-dd`; nil: since ever.
    package var validFrom: String?
    /// Where the value was found: `read`, `secondary` or `memory`.
    package var confidence: String
    /// The instants for which it is valid, in milliseconds.
    package var valid: Range<Int64>
    package var place: FileFault
  }

  static let columns = ["regulation", "parameter", "averaging", "value", "unit", "valid_from", "valid_to", "confidence"]
  static let optionalColumns = ["name", "op", "note"]
  private static let confidences = ["read", "secondary", "memory"]

  /// In order of name, then of time.
  package private(set) var rows: [Row] = []
  package static let empty = LimitTable()

  private init() {}

  init(text: String, file: String, faults: FaultList) {
    let before = faults.faults.count
    let table = CSVTable(text: text, file: file, required: Self.columns, optional: Self.optionalColumns, faults: faults)
    rows = table.rows.compactMap(Self.row).sorted { ($0.name, $0.valid.lowerBound) < ($1.name, $1.valid.lowerBound) }
    guard faults.faults.count == before else { return }
    for (earlier, later) in zip(rows, rows.dropFirst())
    where earlier.name == later.name && later.valid.lowerBound < earlier.valid.upperBound {
      let fault = FileFault(
        file: file, line: later.place.line, column: later.place.column,
        message:
          "\(later.name) is two limits at a time: this one of \(later.regulation), and that of line \(earlier.place.line), \(earlier.regulation); give them names of their own"
      )
      faults.add(fault)
    }
  }

  private static func row(_ row: CSVTable.Row) -> Row? {
    guard let regulation = row.required("regulation"), let parameter = row.required("parameter"),
      let averaging = row.required("averaging"), let text = row.required("value"), let confidence = row.required("confidence")
    else { return nil }
    let given = row.text("name") ?? ""
    let name = given.isEmpty ? Self.name(parameter, averaging) : given
    guard Identifier.isMetric(name) else {
      row.fault("name", "\(name.prefix(40)) is no name: a lower-case letter, then lower-case letters, digits and \"_\"")
      return nil
    }
    guard let value = Double(text), value.isFinite else {
      row.fault("value", "\"\(text.prefix(40))\" is no number: one row holds one value, such as 50")
      return nil
    }
    if !confidences.contains(confidence) { row.fault("confidence", "expected read, secondary or memory, got \"\(confidence.prefix(40))\"") }
    var (from, to) = (Int64.min, Int64.max)
    if row.text("valid_from")?.isEmpty == false {
      guard let day = row.day("valid_from") else { return nil }
      from = CivilDay.start(of: day)
    }
    if row.text("valid_to")?.isEmpty == false {
      guard let day = row.day("valid_to") else { return nil }
      to = CivilDay.start(of: day + 1)
    }
    guard from < to else {
      row.fault("valid_to", "the validity ends before it begins")
      return nil
    }
    let since = row.text("valid_from") ?? ""
    return Row(
      name: name, regulation: regulation, parameter: parameter, averaging: averaging, value: value, unit: row.text("unit") ?? "",
      validFrom: since.isEmpty ? nil : since, confidence: confidence, valid: from..<to,
      place: FileFault(file: row.file, line: row.line, column: 1, message: ""))
  }

  /// `PM2.5` and `24h` are `pm25_24h`.
  static func name(_ parameter: String, _ averaging: String) -> String {
    func word(_ text: String, gap: String) -> String {
      let parts = text.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
      return parts.joined(separator: gap)
    }
    return "\(word(parameter, gap: ""))_\(word(averaging, gap: "_"))"
  }

  package var names: [String] { rows.map(\.name).uniqued() }

  /// The rows of a name, in order of time.
  package func rows(named name: String) -> [Row] { rows.filter { $0.name == name } }

  /// The row that is valid at `t`; nil where none is.
  package func row(named name: String, at t: Timestamp) -> Row? {
    rows.first { $0.name == name && $0.valid.contains(t.milliseconds) }
  }

  /// From when on, and maybe until when, no row of the name is valid, though one was before: `from 2025-05-15 on`. nil where every time
  /// after the first row has one.
  func gap(of name: String) -> String? {
    let rows = rows(named: name)
    for (earlier, later) in zip(rows, rows.dropFirst()) where earlier.valid.upperBound < later.valid.lowerBound {
      return "from \(Self.date(earlier.valid.upperBound)) to \(Self.date(later.valid.lowerBound - 1))"
    }
    guard let end = rows.last?.valid.upperBound, end < .max else { return nil }
    return "from \(Self.date(end)) on"
  }

  private static func date(_ t: Int64) -> String { CivilDay.text(VietnamTime.civil(Timestamp(milliseconds: t)).day) }
}
