package import Database
package import Outbox

extension WriterCore {
  /// Does an operator's order and commits it, behind what is in hand.
  ///
  /// - Throws: `.full` where there is no room for it: nothing of it is done. Anything else ends the process.
  package func obey(_ order: OutboxOrder) throws(StoreError) -> OutboxAnswer {
    try commitNow()
    do throws(StoreError) {
      let answer = try store.obey(order, realNow: machine.wall)
      bell.ring([:])
      return answer
    } catch {
      if error != .full { fail(error) }
      throw error
    }
  }
}

extension Writer {
  func obey(_ order: OutboxOrder) throws(StoreError) -> OutboxAnswer { try core.obey(order) }
}
