import Testing

@Suite struct FunctionLengthsTests {
  private func lengths(_ source: String) -> [Int] { FunctionLengths.of(SourceText.code(of: source)).map(\.lines) }

  @Test func aFunctionEndsWhereItsBracketCloses() {
    #expect(lengths("func a() {}\n") == [1])
    #expect(lengths("func a(\n  _ b: (Int) -> Int = { $0 },\n  c: Int\n) -> Int\nwhere Int: Equatable {\n  if true { x() }\n}\n") == [7])
    #expect(lengths("struct A {\n  init() {\n    a = 1\n  }\n  deinit { x() }\n}\n") == [3, 1])
    #expect(lengths("protocol P {\n  func a()\n  func b(_ c: Int) -> Int\n}\nfunc d() {\n}\n") == [2])
    #expect(lengths("func a() {\n  func b() {\n  }\n}\n") == [4, 2])
  }

  @Test func textAndCommentsAreNoCode() {
    #expect(SourceText.code(of: #"let a = "try! \(b["}"] ?? "{") {" // fatalError("#).first?.contains("try!") == false)
    #expect(lengths("func a() {\n  let b = \"}\"  // }\n  /* } */\n  let c = \"\"\"\n    } \\(d(\"}\"))\n    \"\"\"\n}\n") == [7])
    #expect(lengths("func a() {\n  let b = #\"}\\\"#\n  let c = \"\\\"}\"\n}\n") == [4])
  }
}
