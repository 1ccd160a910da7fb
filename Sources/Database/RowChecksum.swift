import Foundation
package import GRDB

/// CRC-32 over the columns of a row, for tables in which a changed bit would otherwise pass for what was written.
///
/// Each column in the order given: its type as a number (0 NULL, 1 INTEGER, 2 REAL, 3 TEXT, 4 BLOB), then the length or the
/// number (both of eight bytes, little endian), then the bytes of a text or blob. Rows from before there were checksums have NULL there, and pass.
package enum RowChecksum {
  package static func of(_ values: some Sequence<DatabaseValue>) -> Int64 {
    var sum: UInt32 = 0
    for value in values { add(value, to: &sum) }
    return Int64(sum)
  }

  private static func add(_ value: DatabaseValue, to sum: inout UInt32) {
    switch value.storage {
    case .null: sum = Checksum.crc32(of: 0, after: sum)
    case .int64(let number): sum = Checksum.crc32(of: number, after: Checksum.crc32(of: 1, after: sum))
    case .double(let number):
      sum = Checksum.crc32(of: Int64(bitPattern: number.bitPattern), after: Checksum.crc32(of: 2, after: sum))
    case .string(var text):
      sum = Checksum.crc32(of: Int64(text.utf8.count), after: Checksum.crc32(of: 3, after: sum))
      text.withUTF8 { bytes in sum = Checksum.crc32(of: UnsafeRawBufferPointer(bytes), after: sum) }
    case .blob(let data):
      sum = Checksum.crc32(of: Int64(data.count), after: Checksum.crc32(of: 4, after: sum))
      data.withUnsafeBytes { bytes in sum = Checksum.crc32(of: bytes, after: sum) }
    }
  }
}

extension Row {
  /// - Parameter columns: those that its checksum was made of, in order.
  /// - Throws: `StoreError.damaged` where one of them is not what was written.
  package func verify(_ columns: [String], of what: String, checksum name: String = "checksum") throws {
    guard let stored: Int64 = try soundIfPresent(name) else { return }
    let values = columns.map { self[$0] as DatabaseValue? ?? .null }
    guard RowChecksum.of(values) == stored else { throw StoreError.damaged("\(what) is not as it was written") }
  }
}
