// host.cpp - the generated headers under C++, two models in one program.
#include <cstdio>
#include <memory>
#include <vector>

#include "line.h"
#include "tiny.h"

int main() {
    int failed = 0;
    std::unique_ptr<line, void (*)(line *)> model(line_create(1), line_free);
    std::unique_ptr<line_work, void (*)(line_work *)> work(line_work_create(1), line_work_free);
    std::vector<float> x, y;
    for (int i = 0; i < 32; i++) {
        x.push_back(static_cast<float>(i) / 32);
        y.push_back(2 * x.back() + 1);
    }
    float loss = 0;
    for (int i = 0; i < 2000; i++)
        failed += line_train_step(model.get(), work.get(), 32, x.data(), y.data(), &loss) != DL_OK;
    failed += !(loss < 1e-3f);
    failed += tiny_size() == 0 || tiny_model()->abi != DL_ABI;
    std::printf("%d passed, %d failed\n", failed ? 0 : 1, failed ? 1 : 0);
    return failed != 0;
}
