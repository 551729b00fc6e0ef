// A program's exit status is what it says.
// exits: 42

int main(void)
{
    return 42;
}
