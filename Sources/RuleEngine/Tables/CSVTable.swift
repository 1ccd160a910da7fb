import DeviceRegistry
import Readings

/// A table of the user's as RFC 4180 has it: a line of column names, then one row a line; fields with commas or quotes stand in quotes.
/// Every fault has its place.
struct CSVTable {
  /// Rows of one table, at most.
  static let maximumRows = 10_000

  struct Field {
    var text: String
    var column: Int
  }

  struct Row {
    let file: String
    let line: Int
    let faults: FaultList
    fileprivate let fields: [Field]
    fileprivate let columns: [String: Int]

    /// The text of a column without white space at its ends; nil where the table has no such column.
    func text(_ column: String) -> String? { columns[column].map { fields[$0].text.trimmed } }

    func fault(_ column: String, _ message: String) {
      let place = columns[column].map { fields[$0].column } ?? 1
      faults.add(FileFault(file: file, line: line, column: place, message: message))
    }

    /// nil, with a fault noted, where nothing stands there.
    func required(_ column: String) -> String? {
      if let text = text(column), !text.isEmpty { return text }
      fault(column, "\"\(column)\" is missing here")
      return nil
    }

    /// Days since 1970-01-01 of a date as people write it, `2026-01-31`; nil, with a fault noted, where it is none.
    func day(_ column: String) -> Int? {
      guard let text = text(column) else { return nil }
      if let day = CivilDay.day(text) { return day }
      fault(column, "\"\(text.prefix(40))\" is no date: write 2026-01-31")
      return nil
    }
  }

  private(set) var rows: [Row] = []

  /// - Parameters:
  ///   - required: columns that the table must have, in any order, among others that `optional` names.
  init(text: String, file: String, required: [String], optional: [String], faults: FaultList) {
    let before = faults.faults.count
    var reader = CSVReader(text)
    guard let header = reader.record(), header.fields.contains(where: { !$0.text.trimmed.isEmpty }) else {
      faults.add(FileFault(file: file, message: "the file is empty: its first line names the columns \(required.joined(separator: ","))"))
      return
    }
    var columns: [String: Int] = [:]
    for (place, field) in header.fields.enumerated() {
      let name = field.text.trimmed
      if !(required + optional).contains(name) {
        let hint = CloseNames.hint(for: name, among: required + optional)
        faults.add(FileFault(file: file, line: 1, column: field.column, message: "no column \"\(name.prefix(40))\"\(hint)"))
      }
      if columns.updateValue(place, forKey: name) != nil {
        faults.add(FileFault(file: file, line: 1, column: field.column, message: "the column \(name) stands here twice"))
      }
    }
    for name in required where columns[name] == nil {
      faults.add(FileFault(file: file, line: 1, column: 1, message: "the column \(name) is missing"))
    }
    guard faults.faults.count == before else { return }
    while let record = reader.record() {
      if record.fields.count == 1, record.fields[0].text.trimmed.isEmpty { continue }
      if rows.count == Self.maximumRows {
        faults.add(FileFault(file: file, line: record.line, column: 1, message: "a table has at most \(Self.maximumRows) rows"))
        return
      }
      guard record.fields.count == header.fields.count else {
        let message = "\(record.fields.count) fields, where the first line names \(header.fields.count) columns"
        faults.add(FileFault(file: file, line: record.line, column: 1, message: message))
        continue
      }
      rows.append(Row(file: file, line: record.line, faults: faults, fields: record.fields, columns: columns))
    }
    if let place = reader.openQuote {
      faults.add(FileFault(file: file, line: place.line, column: place.column, message: "a quote without its closing quote"))
    }
  }
}

/// Cuts a text into records and fields.
private struct CSVReader {
  private let scalars: [Unicode.Scalar]
  private var at = 0
  private var line = 1
  private var lineStart = 0
  private(set) var openQuote: (line: Int, column: Int)?

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  private var here: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

  mutating func record() -> (line: Int, fields: [CSVTable.Field])? {
    guard here != nil else { return nil }
    let first = line
    var fields: [CSVTable.Field] = []
    while true {
      fields.append(field())
      if here == "," {
        at += 1
        continue
      }
      if here == "\r" { at += 1 }
      if here == "\n" { endLine() }
      return (first, fields)
    }
  }

  private mutating func endLine() {
    at += 1
    (line, lineStart) = (line + 1, at)
  }

  private mutating func field() -> CSVTable.Field {
    let column = at - lineStart + 1
    var text = String.UnicodeScalarView()
    if here == "\"" { quoted(into: &text) }
    while let c = here, c != ",", c != "\n", c != "\r" || at + 1 < scalars.count && scalars[at + 1] != "\n" {
      text.append(c)
      at += 1
    }
    return CSVTable.Field(text: String(text), column: column)
  }

  private mutating func quoted(into text: inout String.UnicodeScalarView) {
    let start = (line, at - lineStart + 1)
    at += 1
    while let c = here {
      if c == "\"" {
        at += 1
        guard here == "\"" else { return }
      }
      text.append(c)
      if c == "\n" { endLine() } else { at += 1 }
    }
    openQuote = start
  }
}

/// Dates as files have them, and the days on which clock rules look, in Vietnam.
enum CivilDay {
  static let length: Milliseconds = 86_400_000

  /// Days since 1970-01-01 of `2026-01-31`.
  static func day(_ text: String) -> Int? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]), year > 0, (1...12).contains(month),
      (1...CivilDate.days(in: month, of: year)).contains(day)
    else { return nil }
    return CivilDate.toDay(year: year, month: month, day: day)
  }

  static func text(_ day: Int) -> String {
    let (year, month, day) = CivilDate.fromDay(day)
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    return "\(String(repeating: "0", count: max(0, 4 - "\(year)".utf8.count)))\(year)-\(two(month))-\(two(day))"
  }

  /// The instant at which a day begins in Vietnam.
  static func start(of day: Int) -> Int64 { Int64(day) * length - VietnamTime.offset }
}
