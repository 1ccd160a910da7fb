import Foundation
import Glibc

/// A file that only its owner and group may read: who knows what it holds can forge alerts, or read them.
package enum SecretFile {
  /// Its content.
  ///
  /// - Throws: where it is not there, others may read or write it, or it is no text.
  package static func text(_ path: String) throws(SinkConfigurationError) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw SinkConfigurationError("\(path): \(String(cString: strerror(errno)))")
    }
    guard status.st_mode & 0o007 == 0 else {
      throw SinkConfigurationError("\(path): others may read or write this secret file; run: chmod 600 \(path)")
    }
    do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
      throw SinkConfigurationError("\(path): cannot be read as text")
    }
  }
}
