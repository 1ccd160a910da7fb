import Console
import Testing

@Suite struct CursorTests {
  @Test func `a cursor reads back as it was given`() {
    for cursor in [Cursor(.devices, "bg-tr-001"), Cursor(.series, "a", "b"), Cursor(.points, "0"), Cursor(.alerts, "1", "")] {
      #expect(Cursor(text: cursor.text) == cursor)
      #expect(cursor.text.utf8.allSatisfy { $0 != 0x2b && $0 != 0x2f && $0 != 0x3d })
    }
  }

  @Test(arguments: [
    "", "x", "====", "ZDE", "ZDEK=", "ZDEKYQ==", " ZDEKYQ", "ZDEKYR", "ZDEKYQpi", "enoKYQ", "_w", String(repeating: "ZDEK", count: 200),
  ])
  func `what no list gave is no cursor`(_ text: String) { #expect(Cursor(text: text) == nil) }
}
