// The one place where Boost.Beast is compiled; all other files see declarations only. Asio is compiled in src/asio.
#include <boost/beast/src.hpp>
