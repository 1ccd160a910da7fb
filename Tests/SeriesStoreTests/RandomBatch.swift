import Fuzzing
import Readings
import SeriesStore
import TestSupport

enum RandomBatch {
  /// Fills the batch with inputs of every kind, some of them extreme.
  static func fill(_ batch: inout LogBatch, inputs: Int, _ random: inout SeededGenerator) -> BatchContent {
    var content = BatchContent()
    var at = Int64.random(in: 0...2_000_000_000_000, using: &random)
    for _ in 0..<inputs {
      at = Int.random(in: 0..<30, using: &random) == 0 ? extreme(&random) : at &+ Int64.random(in: -10...60_000, using: &random)
      let kind = InputKind(rawValue: UInt8.random(in: 0...4, using: &random)) ?? .message
      batch.input(kind, at: Timestamp(milliseconds: at))
      content.input(kind, at: Timestamp(milliseconds: at))
      switch kind {
      case .command:
        let json = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        batch.command(json)
        content.command(json, at: Timestamp(milliseconds: at))
      case .message: message(&batch, &content, at, &random)
      case .clock, .intakeDown, .intakeUp: break
      }
    }
    return content
  }

  private static func message(_ batch: inout LogBatch, _ content: inout BatchContent, _ at: Int64, _ random: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      let ts = Timestamp(
        milliseconds: Int.random(in: 0..<20, using: &random) == 0 ? extreme(&random) : at &- Int64.random(in: 0...5000, using: &random))
      batch.object(ts: ts)
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let series = Int.random(in: 0..<20, using: &random) == 0 ? UInt32.max : UInt32.random(in: 0...300, using: &random)
        let value = Int.random(in: 0..<10, using: &random) == 0 ? .nan : Double(bitPattern: random.next())
        let reading = Reading(series: SeriesID(series), ts: ts, value: value, quality: Quality(byte: .random(in: 0...255, using: &random)))
        batch.reading(reading)
        content.reading(reading)
      }
    }
    if Int.random(in: 0..<4, using: &random) == 0 {
      let (packet, hash) = (UInt16.random(in: 0...UInt16.max, using: &random), random.next())
      batch.unnamedMessage(packet: packet, hash: hash)
      content.unnamedMessage(packet: packet, hash: hash)
    }
  }

  private static func extreme(_ random: inout SeededGenerator) -> Int64 {
    [Int64.min, -1, 0, 1, Int64.max, 253_402_300_799_999].randomElement(using: &random) ?? 0
  }
}
