from wca.runners import Runner


class HelloWorldRunner(Runner):
    def run(self):
        print("Hello world!")
