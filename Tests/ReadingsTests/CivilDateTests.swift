import Readings
import Testing

@Suite struct CivilDateTests {
  @Test(arguments: [
    (1970, 1, 1, 0), (1969, 12, 31, -1), (2000, 2, 29, 11_016), (2000, 3, 1, 11_017), (1900, 3, 1, -25_508), (2025, 7, 1, 20_270),
    (2025, 11, 21, 20_413), (9999, 12, 31, 2_932_896), (1, 1, 1, -719_162),
  ]) func knownDaysHaveTheirNumbers(_ year: Int, _ month: Int, _ day: Int, _ number: Int) {
    #expect(CivilDate.toDay(year: year, month: month, day: day) == number)
    #expect(CivilDate.fromDay(number) == (year, month, day))
  }

  @Test func everyDayOfElevenCenturiesFollowsTheOneBefore() {
    var (year, month, day) = (1500, 1, 1)
    let first = CivilDate.toDay(year: year, month: month, day: day)
    for number in first..<(first + 1100 * 366) {
      let found = CivilDate.fromDay(number)
      guard found == (year, month, day), CivilDate.toDay(year: year, month: month, day: day) == number else {
        Issue.record("day \(number) is \(found), expected \(year)-\(month)-\(day)")
        return
      }
      day += 1
      if day > CivilDate.days(in: month, of: year) { (month, day) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
  }
}
