// The broker's answer, and GPOOL_ENDPOINTS: read by the client driver, in the middle of somebody's program.
#include "client/lease.h"

#include <string_view>

#include "tests/fuzz/target.h"

using namespace gpool::client;

void target_seeds(std::vector<std::vector<uint8_t>>& inputs) {
  for (std::string_view text :
       {"lease id=l-7k3m9q\nsession node=node-a unix=/run/w.sock tcp=127.0.0.1:41234 ticket=47505431 transport=auto\n"
        "vgpu session=0 uuid=GPU-01234567-89ab-cdef-0123-456789abcdef memory=8589934592 compute=1000\nend\n",
        "error lease l-7k3m9q was released\n", "unix:/run/workerd.sock?ticket=00ff,tcp:[::1]:99",
        "GPU-01234567-89ab-cdef-0123-456789abcdef"})
    inputs.emplace_back(text.begin(), text.end());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Lease from_broker, from_environment;
  if (gpool::Status status = parse_broker_answer(text, from_broker); !status) FUZZ_EXPECT(!status.sentence().empty());
  for (const LeaseGpu& gpu : from_broker.gpus) FUZZ_EXPECT(gpu.session < from_broker.sessions.size());
  if (gpool::Status status = parse_endpoints(text, from_environment); !status) FUZZ_EXPECT(!status.sentence().empty());
  std::array<uint8_t, 16> uuid{};
  if (parse_uuid(text, uuid)) FUZZ_EXPECT(format_uuid(uuid.data()).size() == 40);
  return 0;
}
