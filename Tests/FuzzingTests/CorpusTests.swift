import Foundation
import Fuzzing
import Testing

/// The corpus once through the same checks that the fuzzer runs.
@Suite struct CorpusTests {
  @Test(arguments: Harnesses.all.map { $0.name })
  func `Every input of the corpus keeps what is promised, and becomes what its name says`(_ name: String) throws {
    let harness = try #require(Harnesses.all.first { $0.name == name }).init()
    let files = try Corpus.files(of: name)
    #expect(files.count >= 24, "a corpus of a few dozen")
    for file in files {
      do {
        let outcome = try file.bytes.withUnsafeBytes { try harness.check($0) }
        #expect(outcome == expected(of: file, for: name), "\(file.name)")
      } catch {
        Issue.record("\(file.name): \(error)")
      }
    }
    #expect(Set(files.map(\.outcome)).count >= 2, "some of it is refused, and some not")
  }

  /// Whether a payload's readings are taken is beyond the decoder: `BadInputTests` of the gateway says it.
  private func expected(of file: Corpus.File, for harness: String) -> String {
    if harness == "payload", file.outcome != "message-malformed" { return "decoded" }
    return file.outcome
  }

  @Test func `Every folder of the corpus has its harness`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Corpus.root.path).filter { !$0.hasPrefix(".") }
    #expect(folders.sorted() == Harnesses.all.map { $0.name }.sorted())
  }
}
