import CAllocationCount
import Database
import Foundation
import GRDB
import Gateway
import Readings
import Testing

/// Nothing is allocated for a reading once everything has its size. `Benchmarks/Budgets/allocations.json` says what may be.
///
/// malloc and its relatives are counted in this whole executable (`Tests/CAllocationCount`), on the thread that asks for it.
@Suite(.serialized) struct AllocationTests {
  private struct Budget: Decodable {
    /// In the step: from the message's bytes to readings, windows and alerts.
    var perReading: UInt64
    /// Where the memory of one series grows, a logarithmic number of times.
    var perGrowthOfASeries: UInt64
    /// However much is in it.
    var perCommit: UInt64

    static func load() throws -> Budget {
      let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      return try JSONDecoder().decode(Budget.self, from: Data(contentsOf: root.appending(path: "Benchmarks/Budgets/allocations.json")))
    }
  }

  private final class Something {
    var next: Something?
  }

  @Test func `The counter counts Swift, C++ and SQLite, and no other thread`() throws {
    let gateway = try GatewayWorkshop()
    var kept: Unmanaged<Something>?
    #expect(AllocationCount.of { kept = Unmanaged.passRetained(Something()) }.allocations == 1)
    kept?.release()
    let memory = AllocationCount.of {
      for size in 1...10 { UnsafeMutableRawPointer.allocate(byteCount: size * 100, alignment: size % 2 == 0 ? 8 : 64).deallocate() }
    }
    #expect(memory.allocations == 10)
    #expect(memory.frees == 10)
    #expect(memory.bytes >= 5500)
    let values = (0..<5000).map { "\"m\($0)\":1" }.joined(separator: ",")
    let message = Array("{\"values\":{\(values)}}".utf8)
    let topic = gateway.topic("tr-1")
    #expect(AllocationCount.of { gateway.send(message, topic: topic, at: 0) }.allocations > 10, "the decoder's vectors grow")
    let created = try gateway.store.file.read { db in try AllocationCount.of { try db.execute(sql: "CREATE TEMP TABLE counted(n)") } }
    #expect(created.allocations > 10, "SQLite prepares a statement")
    let elsewhere = AllocationCount.of {
      let done = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        var list: Something?
        for _ in 0..<10_000 {
          let new = Something()
          new.next = list?.next
          list = new
        }
        done.signal()
      }
      done.wait()
    }
    #expect(elsewhere.allocations < 1000)
    #expect(AllocationCount.of {}.allocations == 0)
  }

  @Test(arguments: zip(SteadyTown.Form.allCases, [1_000_000, 100_000, 100_000, 100_000]))
  func `A reading allocates nothing, and a commit a constant number`(form: SteadyTown.Form, readings: Int64) throws {
    let budget = try Budget.load()
    let gateway = try GatewayWorkshop(rules: SteadyTown.rules, registry: try SteadyTown.registry())
    var town = SteadyTown(form: form)
    var warmUp = SteadyRun()
    while gateway.counters.readingsStored < SteadyTown.readingsToWarmUp { try warmUp.batch(of: &town, gateway) }
    let warm = gateway.counters.readingsStored
    var run = SteadyRun()
    while gateway.counters.readingsStored - warm < readings { try run.batch(of: &town, gateway) }

    let places = AllocationCount.takePlaces()
    #expect(run.inSteps <= budget.perReading * UInt64(readings), "in the steps, at\n\(places)")
    #expect(run.inGrowths <= budget.perGrowthOfASeries * UInt64(SteadyTown.metrics) * run.growths)
    #expect(run.growths <= 3 * UInt64(SteadyTown.devices), "a series that has doubled twice has grown four times at most")
    #expect(run.mostInCommits.values.allSatisfy { $0 <= budget.perCommit }, "by messages in the batch: \(run.mostInCommits)")
    #expect(run.mostInCommits.count == SteadyRun.batchSizes.count)
    #expect(gateway.counters.readingsRejected.reduce(0, +) == 0 && gateway.events.isEmpty, "the town was steady")
  }
}

/// Batches of several sizes, stepped and committed, and what they allocate.
private struct SteadyRun {
  static let batchSizes = [1, 16, 233, 900]
  private var number = 0
  var inSteps: UInt64 = 0
  /// Of messages at which the memory of their series grew.
  var inGrowths: UInt64 = 0
  var growths: UInt64 = 0
  /// By messages in the batch.
  var mostInCommits: [Int: UInt64] = [:]

  mutating func batch(of town: inout SteadyTown, _ gateway: GatewayWorkshop) throws {
    let size = Self.batchSizes[number % Self.batchSizes.count]
    number += 1
    for _ in 0..<size {
      town.step(gateway.engine) { step in
        let before = gateway.engine.headBytes
        let allocations = AllocationCount.of(remembering: true, step).allocations
        if gateway.engine.headBytes == before {
          inSteps += allocations
        } else {
          inGrowths += allocations
          growths += 1
        }
      }
    }
    let committed = try AllocationCount.of { try gateway.commit() }
    mostInCommits[size] = max(mostInCommits[size] ?? 0, committed.allocations)
  }
}
