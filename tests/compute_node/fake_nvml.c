/* Two GPUs as NVIDIA's library tells of them; the second one is divided, so that its load is not known.
   FAKE_GPU_PID holds 1 GiB of the first and 1 GiB of the second. With FAKE_GPU_LOST all are gone. */
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
#define GIB (1ull << 30)

struct memory { unsigned long long total, free, used; };
struct rates { unsigned gpu, memory; };
struct process { unsigned pid; unsigned long long used; unsigned instance, compute; };

static char first, second;

int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
const char *nvmlErrorString(int error) { return "so says the fake"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return getenv("FAKE_GPU_LOST") ? GPU_IS_LOST : SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, char **gpu) { *gpu = index ? &second : &first; return SUCCESS; }
int nvmlDeviceGetName(char *gpu, char *name, unsigned size) { strncpy(name, "NVIDIA H100", size); return SUCCESS; }

int nvmlDeviceGetMemoryInfo(char *gpu, struct memory *memory)
{
    *memory = (struct memory){80 * GIB, 68 * GIB, 12 * GIB};
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(char *gpu, struct rates *rates)
{
    rates->gpu = 35;
    return gpu == &first ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetComputeRunningProcesses_v3(char *gpu, unsigned *count, struct process *found)
{
    const char *pid = getenv("FAKE_GPU_PID");
    unsigned room = *count;
    *count = pid ? 1 : 0;
    if (!pid) return SUCCESS;
    if (room < 1 || !found) return INSUFFICIENT_SIZE;
    found[0] = (struct process){atoi(pid), GIB, 0, 0};
    return SUCCESS;
}
