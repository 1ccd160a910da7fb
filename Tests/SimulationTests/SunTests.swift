import Foundation
import Readings
import Simulation
import Testing

@Suite struct SunTests {
  @Test func `the sun rises, sets and leaves civil twilight when the almanac says so, within three minutes`() throws {
    let csv = try String(contentsOf: ShippedCity.root.appendingPathComponent("Tests/Fixtures/domain/sun.csv"), encoding: .utf8)
    let rows = csv.split(whereSeparator: \.isNewline).dropFirst().map { $0.split(separator: ",").map(String.init) }
    #expect(rows.count == 8)
    for row in rows {
      // Rise and set count refraction and the sun's radius: -0.833 degrees.
      for (column, height) in [(1, -0.833), (2, -0.833), (3, -6), (4, -6)] {
        let told = try #require(Timestamp(rfc3339: "\(row[0])T\(row[column]):00+07:00"))
        let heights = [told - 180_000, told + 180_000].map { Sun.elevation(at: $0, lat: 21.275, lon: 106.195) }
        #expect(heights.min()! < height && height < heights.max()!, "\(row[0]) \(row[column])")
      }
    }
  }
}
