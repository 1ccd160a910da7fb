import Foundation
import Fuzzing
import TestSupport
import Testing

/// Inputs of the corpus, changed here and there by chance from a seed: what the fuzzer does without its sight of the code, in every run.
@Suite struct MutationTests {
  private static let environment = ProcessInfo.processInfo.environment
  /// Of each harness; more with MUTATIONS=N, others with MUTATION_SEED=N.
  private static let count = environment["MUTATIONS"].flatMap { Int($0) } ?? 400
  private static let seed = environment["MUTATION_SEED"].flatMap { UInt64($0) } ?? 20_251_121

  @Test(arguments: Harnesses.all.map { $0.name })
  func `What becomes of the corpus by chance keeps what is promised`(_ name: String) throws {
    let harness = try #require(Harnesses.all.first { $0.name == name }).init()
    let files = try Corpus.files(of: name).map(\.bytes)
    var random = SeededGenerator(seed: Self.seed)
    for number in 0..<Self.count {
      let input = Self.mutated(files, &random)
      do { _ = try input.withUnsafeBytes { try harness.check($0) } } catch {
        Issue.record("\(name), seed \(Self.seed), input \(number), \(Data(input).base64EncodedString()): \(error)")
        return
      }
    }
  }

  /// One of the files with one to four changes.
  private static func mutated(_ files: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = files.randomElement(using: &random) ?? []
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let start = Int.random(in: 0...bytes.count, using: &random)
      let end = min(bytes.count, start + Int.random(in: 0...8, using: &random))
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
      case 2: if start < bytes.count { bytes[start] = UInt8.random(in: 0...255, using: &random) }
      case 3: bytes.insert(Array("0123456789-+.eE:,;{}[]\"\\'/% \n\tZT#&*!|>".utf8).randomElement(using: &random) ?? 0, at: start)
      case 4:
        // A part of another file.
        let other = files.randomElement(using: &random) ?? []
        let from = Int.random(in: 0...other.count, using: &random)
        bytes.replaceSubrange(start..<end, with: other[from..<min(other.count, from + Int.random(in: 1...40, using: &random))])
      default: if start < bytes.count { bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
      }
    }
    return bytes
  }
}
