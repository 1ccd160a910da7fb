import DeviceRegistry
package import Readings

/// Public holidays: `Rules/holidays.csv`.
///
///     date,name,confidence
///     2026-02-17,Tết Nguyên Đán,memory
///
/// A day that is not there is none: the table is to be carried on each year.
package struct HolidayTable: Sendable {
  /// By days since 1970-01-01.
  private var names: [Int: String] = [:]
  package static let empty = HolidayTable()

  private init() {}

  init(text: String, file: String, faults: FaultList) {
    let table = CSVTable(text: text, file: file, required: ["date", "name"], optional: ["confidence"], faults: faults)
    for row in table.rows {
      guard let day = row.day("date"), let name = row.required("name") else { continue }
      if names.updateValue(name, forKey: day) != nil { row.fault("date", "this day stands here twice") }
    }
  }

  package var count: Int { names.count }
  /// Days since 1970-01-01, in order.
  var days: [Int] { names.keys.sorted() }

  /// The holiday's name; nil where the instant's day in Vietnam is none.
  package func name(at t: Timestamp) -> String? { names[VietnamTime.civil(t).day] }
}
