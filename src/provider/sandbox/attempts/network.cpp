// Talking to anything outside the job.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "provider/sandbox/attempts/attempt.h"

namespace starminer::provider::sandbox::attempts {
namespace {

std::uint16_t port_of(const std::string& text) {
  return htons(static_cast<std::uint16_t>(std::strtoul(text.c_str(), nullptr, 10)));
}

Verdict just_a_socket(int family, int type, int protocol) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd >= 0) ::close(fd);
  return judge(fd >= 0);
}

// Connects, or sends where a datagram is the connection.
Verdict reach(int family, int type, const sockaddr* address, std::size_t length) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return judge(false);
  const auto size = static_cast<socklen_t>(length);
  const bool reached =
      type == SOCK_DGRAM ? ::sendto(fd, "x", 1, 0, address, size) == 1 : ::connect(fd, address, size) == 0;
  const int error = errno;
  ::close(fd);
  errno = error == ENETUNREACH && !reached ? ENODEV : error;  // no route at all: nothing is proven
  return judge(reached);
}

Verdict reach_ipv4(int type, const std::string& host, const std::string& port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port_of(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return Verdict::Misused;
  return reach(AF_INET, type, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Verdict reach_ipv6(const Arguments& arguments) {
  if (arguments.size() < 2) return Verdict::Misused;
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = port_of(arguments[1]);
  if (::inet_pton(AF_INET6, arguments[0].c_str(), &address.sin6_addr) != 1) return Verdict::Misused;
  return reach(AF_INET6, SOCK_STREAM, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Verdict listen_tcp(const Arguments&) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return judge(false);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const bool listening =
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 1) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return judge(listening);
}

Verdict reach_unix(const std::string& name, bool abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() + 2 > sizeof address.sun_path) return Verdict::Misused;
  std::memcpy(address.sun_path + (abstract ? 1 : 0), name.data(), name.size());
  const std::size_t length = offsetof(sockaddr_un, sun_path) + name.size() + 1;
  return reach(AF_UNIX, SOCK_STREAM, reinterpret_cast<const sockaddr*>(&address), length);
}

Verdict tcp_connect(const Arguments& arguments) {
  return arguments.size() < 2 ? Verdict::Misused : reach_ipv4(SOCK_STREAM, arguments[0], arguments[1]);
}
Verdict udp_send(const Arguments& arguments) {
  return arguments.size() < 2 ? Verdict::Misused : reach_ipv4(SOCK_DGRAM, arguments[0], arguments[1]);
}
Verdict unix_connect(const Arguments& arguments) {
  return arguments.empty() ? Verdict::Misused : reach_unix(arguments[0], false);
}
Verdict abstract_connect(const Arguments& arguments) {
  return arguments.empty() ? Verdict::Misused : reach_unix(arguments[0], true);
}

}  // namespace

std::vector<Attempt> network_attempts() {
  constexpr Needs kNone = Needs::Nothing;
  return {
      {"tcp-socket", kNone, "make a TCP socket",
       [](const Arguments&) { return just_a_socket(AF_INET, SOCK_STREAM, 0); }},
      {"tcp6-socket", kNone, "make a TCP socket of IPv6",
       [](const Arguments&) { return just_a_socket(AF_INET6, SOCK_STREAM, 0); }},
      {"udp-socket", kNone, "make a UDP socket",
       [](const Arguments&) { return just_a_socket(AF_INET, SOCK_DGRAM, 0); }},
      {"icmp-socket", kNone, "send ICMP by a raw socket",
       [](const Arguments&) { return just_a_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
      {"packet-socket", kNone, "send frames of its own",
       [](const Arguments&) { return just_a_socket(AF_PACKET, SOCK_RAW, htons(3)); }},
      {"netlink-socket", kNone, "change network settings",
       [](const Arguments&) { return just_a_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }},
      {"vsock-socket", kNone, "talk to the hypervisor",
       [](const Arguments&) { return just_a_socket(AF_VSOCK, SOCK_STREAM, 0); }},
      {"crypto-socket", kNone, "use the kernel's cipher sockets",
       [](const Arguments&) { return just_a_socket(AF_ALG, SOCK_SEQPACKET, 0); }},
      {"tcp-listen", kNone, "accept connections", listen_tcp},
      {"metadata-address", kNone, "send to the cloud's metadata address",
       [](const Arguments&) { return reach_ipv4(SOCK_DGRAM, "169.254.169.254", "80"); }},
      {"dns-query", kNone, "send to a public name server",
       [](const Arguments&) { return reach_ipv4(SOCK_DGRAM, "192.0.2.53", "53"); }},
      {"tcp-connect", Needs::Input, "connect to HOST PORT", tcp_connect},
      {"tcp6-connect", Needs::Input, "connect to HOST PORT by IPv6", reach_ipv6},
      {"udp-send", Needs::Input, "send to HOST PORT", udp_send},
      {"unix-connect", Needs::Input, "connect to the local socket PATH", unix_connect},
      {"abstract-connect", Needs::Input, "connect to the abstract local socket NAME", abstract_connect},
  };
}

}  // namespace starminer::provider::sandbox::attempts
