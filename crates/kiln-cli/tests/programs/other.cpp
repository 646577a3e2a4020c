#include "program.h"

namespace other {

void fail(const std::string &text) { throw text; }

int &shared_there() { return shared<int>(); }

}  // namespace other
