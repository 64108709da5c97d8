// The one place where Boost.Asio is compiled; all other files see declarations only.
#include <boost/asio/impl/src.hpp>
